"""双库 Shuangku: the service. Its map is the domain order in the README."""
