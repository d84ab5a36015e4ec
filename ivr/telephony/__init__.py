"""How we speak to the telephone network. The only home of twilio."""
