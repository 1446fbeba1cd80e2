"""People and the projects that they work in."""
