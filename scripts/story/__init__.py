"""The whole story of a demand, played over HTTP by everybody who has a part in it."""
