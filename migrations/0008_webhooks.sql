-- Events that the receiver of webhooks has to hear of, written in one statement with the security event.
CREATE TABLE webhooks (
  id           uuid PRIMARY KEY,
  type         text NOT NULL,
  -- The very text that is signed, the same at every attempt.
  payload      text NOT NULL,
  created_at   timestamptz NOT NULL,
  attempts     integer NOT NULL DEFAULT 0,
  -- The next attempt. NULL: delivered, or else given up.
  due_at       timestamptz,
  delivered_at timestamptz,
  last_error   text
);

CREATE INDEX webhooks_due ON webhooks (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhooks_over ON webhooks (created_at) WHERE due_at IS NULL;
