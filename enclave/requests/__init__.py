"""Access requests, approvals, and the entitlements that come of them."""
