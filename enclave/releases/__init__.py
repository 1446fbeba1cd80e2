"""What was made of an extract and may be held: open, public-use and scientific-use releases, with their evidence."""
