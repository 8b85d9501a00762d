"""What people do: one module per act. Each checks with ``policy``, changes the store in one transaction, and says so
in the outbox of the same transaction."""
