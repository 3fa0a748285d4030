"""Claims that the papers make about their tables; studies import them."""
