"""The classic way to build this, to measure against: synchronous CRUD, Django REST Framework on PostgreSQL."""
