"""What happens: the event engine, the batch engine, the ledger, money."""
