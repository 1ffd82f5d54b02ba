-- What happened to accounts and sessions. Append-only; never holds a token, a password or an email address.
-- No foreign keys: the log outlives what it tells of.
CREATE TABLE security_events (
  id         uuid PRIMARY KEY,
  type       text NOT NULL,
  user_id    uuid,
  sid        uuid,
  reason     text,
  ip         inet,
  user_agent text,
  created_at timestamptz NOT NULL
);

CREATE INDEX security_events_by_user ON security_events (user_id, id);
CREATE INDEX security_events_by_time ON security_events (created_at);

-- For the clean-up of sessions that are over.
CREATE INDEX sessions_refresh_expires_at ON sessions (refresh_expires_at);
