"""The privacy loss budget: grants, charges made before noise is drawn, and the answers kept under the same key."""
