"""What a caller hears next. Pure: no Flask, no Redis, no Twilio, no clock."""
