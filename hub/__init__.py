"""What gateway and consumers share: the domain, storage, messaging, security, settings and the command line."""
