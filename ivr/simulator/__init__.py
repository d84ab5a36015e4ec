"""A telephone network to rehearse with. Pretends to be Twilio; knows only our settings."""
