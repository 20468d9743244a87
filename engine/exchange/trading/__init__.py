"""Trading on Bybit: orders and positions of one account, through pybit."""
