"""How a caller reaches a person. Pure: no Flask, no Redis, no Twilio, no clock."""
