"""What people are told while they are away: Telegram, Discord and webhooks."""
