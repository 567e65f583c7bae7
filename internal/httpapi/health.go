package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// readyTime bounds the checks of /readyz together.
const readyTime = 3 * time.Second

// healthz says that the process lives; nothing else is looked at.
func (a *API) healthz(c *call) error {
	c.send(http.StatusOK, jsonType, []byte(`{"status":"ok"}`+"\n"))
	return nil
}

// readyz asks what requests depend on. What is wrong with it goes to the log alone.
func (a *API) readyz(c *call) error {
	ctx, cancel := context.WithTimeout(c.ctx(), readyTime)
	defer cancel()
	checks := append([]Check{{Name: "store", Ask: a.Store.Ping}}, a.Ready...)
	result := struct {
		Status string            `json:"status"`
		Checks map[string]string `json:"checks"`
	}{"ok", make(map[string]string, len(checks))}
	status := http.StatusOK
	for _, check := range checks {
		result.Checks[check.Name] = "ok"
		if err := check.Ask(ctx); err != nil {
			c.err = err
			status = http.StatusServiceUnavailable
			result.Status, result.Checks[check.Name] = "unavailable", "unavailable"
		}
	}
	text, err := json.Marshal(result)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		c.Header().Set("Retry-After", "1")
	}
	c.send(status, jsonType, append(text, '\n'))
	return nil
}

func (a *API) metrics(c *call) error {
	if a.Metrics == nil {
		return errNoRoute
	}
	a.Metrics.ServeHTTP(c, c.r)
	return nil
}
