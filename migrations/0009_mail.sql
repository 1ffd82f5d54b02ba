-- Mails that are to be sent. What is in one is a JWE (RFC 7516) under a key derived from SECRET_KEY, and is gone with
-- the row once it was sent. In development, without SMTP, the row stays and is what /dev/outbox shows.
CREATE TABLE mails (
  id              uuid PRIMARY KEY,
  content         text NOT NULL,
  attempts        integer NOT NULL DEFAULT 0,
  -- Whoever takes a mail moves this on: when it dies, another one takes it then.
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  created_at      timestamptz NOT NULL DEFAULT now(),
  sent_at         timestamptz
);

CREATE INDEX mails_due ON mails (next_attempt_at) WHERE sent_at IS NULL;

-- What the link of a mail stands for. Of the token there is a digest only.
CREATE TABLE email_tokens (
  token_hash text PRIMARY KEY,
  purpose    text NOT NULL CHECK (purpose IN ('verify_email', 'password_reset', 'email_change')),
  user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  -- Where it was sent to, which it proves.
  email      text NOT NULL,
  -- The session that asked, without which it is worth nothing.
  sid        uuid,
  expires_at timestamptz NOT NULL,
  -- A later one takes the place of an earlier one.
  UNIQUE (user_id, purpose)
);

CREATE INDEX email_tokens_by_time ON email_tokens (expires_at);

-- Accounts that are made once their address is confirmed. Any number for one address: none keeps another away.
CREATE TABLE pending_signups (
  token_hash    text PRIMARY KEY,
  email         text NOT NULL,
  name          text,
  password_hash text NOT NULL,
  expires_at    timestamptz NOT NULL
);

CREATE INDEX pending_signups_by_time ON pending_signups (expires_at);
