"""Every write: commands to rows and events, events to deliveries, deliveries to attempts, parked messages to rows."""
