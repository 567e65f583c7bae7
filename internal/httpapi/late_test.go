package httpapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// eventful is a body before whose first octet something happens.
type eventful struct {
	io.Reader
	once sync.Once
	do   func()
}

func (m *eventful) Read(b []byte) (int, error) {
	m.once.Do(m.do)
	return m.Reader.Read(b)
}

// Whose token is revoked, or whose account is disabled or moved, while the body is on its way writes nothing.
func TestRevokedWhileTheBodyComes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		happens func(w *world)
		status  int
	}{
		"revoked": {func(w *world) {
			list := w.call(w.rootToken, "GET", at(w.tenant, "/tokens"), "").want(http.StatusOK)
			for _, one := range list.at("data").([]any) {
				id, _ := one.(map[string]any)["id"].(string)
				w.call(w.rootToken, "DELETE", at(w.tenant, "/tokens/"+id), "").want(http.StatusOK)
			}
		}, http.StatusUnauthorized},
		"disabled": {func(w *world) {
			w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(`{"enabled":false}`)).want(http.StatusOK)
		}, http.StatusForbidden},
		"nothing": {func(*world) {}, http.StatusCreated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			req := httptest.NewRequestWithContext(t.Context(), "PUT", at(w.tenant, "/aaa"), &eventful{
				Reader: strings.NewReader(data(aDocument)), do: func() { c.happens(w) },
			})
			req.ContentLength = int64(len(data(aDocument)))
			req.Header.Set("X-Auth-Token", w.tenantToken)
			req.Header.Set("Content-Type", "application/json")
			answer := httptest.NewRecorder()
			w.api.ServeHTTP(answer, req)
			if answer.Code != c.status {
				t.Errorf("%d: %s", answer.Code, answer.Body)
			}
			want := http.StatusNotFound
			if c.status == http.StatusCreated {
				want = http.StatusOK
			}
			w.call(w.rootToken, "GET", at(w.tenant, "/aaa"), "").want(want)
		})
	}
}
