"""What the line remembers, and forgets. The only home of SQLAlchemy and Alembic."""
