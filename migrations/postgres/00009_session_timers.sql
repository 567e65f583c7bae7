-- The timers of sessions by account as well as by time, so that what many accounts are owed is found without reading all that
-- one of them is owed. A session is ready when it is due and no node has it claimed; internal/store/sqlstore repeats the expression.
-- The conditions of the two indexes mean the same and are different, so that no planner takes the first one, in which one account's
-- timers may stand before all others, to look for those of an account.

-- +goose Up
CREATE INDEX sessions_ready ON sessions ((CASE WHEN lease_until > due_at THEN lease_until ELSE due_at END))
    WHERE due_at IS NOT NULL;
CREATE INDEX sessions_ready_by_account ON sessions (account_id, (CASE WHEN lease_until > due_at THEN lease_until ELSE due_at END))
    WHERE (CASE WHEN lease_until > due_at THEN lease_until ELSE due_at END) IS NOT NULL;
DROP INDEX sessions_due;

-- +goose Down
CREATE INDEX sessions_due ON sessions (due_at);
DROP INDEX sessions_ready_by_account;
DROP INDEX sessions_ready;
