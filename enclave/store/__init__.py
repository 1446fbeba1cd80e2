"""The product's own database, and readers of the registries that extracts come from. The only SQLAlchemy."""
