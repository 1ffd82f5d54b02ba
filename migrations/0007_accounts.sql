ALTER TABLE users
  -- Counts the passwords of the account: a login that proved an older one comes too late. A hash that is made anew of
  -- the same password counts nothing.
  ADD COLUMN password_version integer NOT NULL DEFAULT 1,
  ADD COLUMN disabled_until   timestamptz,
  ADD COLUMN disabled_reason  text;

-- Devices that a user has signed in on: what is on them keeps its own allowance of wrong passwords, and a sign-in on
-- another one is told to the user. The device itself is named nowhere.
CREATE TABLE known_devices (
  user_id        uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  device_id_hash text NOT NULL,
  created_at     timestamptz NOT NULL DEFAULT now(),
  last_used_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, device_id_hash)
);

INSERT INTO known_devices (user_id, device_id_hash, created_at, last_used_at)
SELECT user_id, device_id_hash, min(created_at), max(last_used_at)
  FROM sessions WHERE device_id_hash IS NOT NULL GROUP BY user_id, device_id_hash;

CREATE INDEX known_devices_by_time ON known_devices (last_used_at);

-- An ended session outlives its account, for as long as another node may have to hear from here that it has ended.
ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey;
