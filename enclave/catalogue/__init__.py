"""What data there is: datasets, their data dictionaries and their classification."""
