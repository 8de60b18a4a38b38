"""What people write in spreadsheets, and what they are told beforehand of how to fill one in."""
