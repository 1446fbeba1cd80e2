"""What is mounted into a session at /opt/enclave/session, and runs there without the platform's packages."""
