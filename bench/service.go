package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// build compiles the service into dir.
func build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "aaa-api")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/aaa-api").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}

// dataDir is the service's --data-dir inside the folder of a measurement.
const dataDir = "data"

// service is the running service.
type service struct {
	*process
	address string // host:port
	token   string
	root    string        // id of the root account
	started time.Duration // from the start of the process to the first good /readyz
}

// startService starts the service on the embedded store in dir, unless more flags say otherwise, and waits until it is ready.
// It logs each request to a file, as it does by default. The naive gateway and the echo log nothing.
func startService(ctx context.Context, binary, dir string, more ...string) (*service, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &service{address: l.Addr().String()}
	l.Close()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, dataDir)
	begun := time.Now()
	flags := append([]string{"serve", "--listen", s.address, "--data-dir", data, "--server-networks", "127.0.0.0/8"}, more...)
	if s.process, err = startLogged(ctx, filepath.Join(dir, "service.log"), binary, flags...); err != nil {
		return nil, err
	}
	go func() { _, _ = io.Copy(io.Discard, s.stdout) }()
	for {
		if err := s.ready(ctx); err == nil {
			break
		} else if time.Since(begun) > time.Minute || ctx.Err() != nil {
			return nil, errors.Join(fmt.Errorf("the service is not ready: %w: %s", err, s.stderr), s.stop())
		}
		time.Sleep(2 * time.Millisecond) // there is nothing to wait on: the process is another's
	}
	s.started = time.Since(begun)
	token, err := os.ReadFile(filepath.Join(data, "admin.token"))
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.token = strings.TrimSpace(string(token))
	var me struct {
		Account string `json:"account_id"`
	}
	if err := s.call(ctx, http.MethodGet, "/v2/whoami", nil, &me); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.root = me.Account
	return s, nil
}

func (s *service) ready(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz answers %s", resp.Status)
	}
	return nil
}

// call sends data (nil: no body) in the API's envelope and reads the answer's data into result (nil: it is not wanted).
func (s *service) call(ctx context.Context, method, path string, data, result any) error {
	if data == nil {
		return s.send(ctx, method, path, nil, result)
	}
	body, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		return err
	}
	return s.send(ctx, method, path, bytes.NewReader(body), result)
}

// send is call with the envelope already written.
func (s *service) send(ctx context.Context, method, path string, body io.Reader, result any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.address+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("X-Auth-Token", s.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := apiClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %.500s", method, path, resp.Status, answer)
	}
	if result == nil {
		return nil
	}
	envelope := struct {
		Data any `json:"data"`
	}{result}
	return json.Unmarshal(answer, &envelope)
}

// apiClient keeps as many connections as there are writers.
var apiClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// child makes an account below the root and returns its id.
func (s *service) child(ctx context.Context, name string) (string, error) {
	var made struct {
		ID string `json:"id"`
	}
	err := s.call(ctx, http.MethodPut, "/v2/accounts/"+s.root, map[string]any{
		"name": name, "limits": map[string]any{"requests_per_second": 10_000_000},
	}, &made)
	if err == nil && made.ID == "" {
		err = errors.New("the answer to a new account has no id")
	}
	return made.ID, err
}

// tokens makes credentials of an account: the service bounds the requests/s of each.
func (s *service) tokens(ctx context.Context, account string, n int) ([]string, error) {
	list := make([]string, n)
	for i := range list {
		var made struct {
			Token string `json:"token"`
		}
		if err := s.call(ctx, http.MethodPut, "/v2/accounts/"+account+"/tokens", map[string]any{}, &made); err != nil {
			return nil, err
		}
		list[i] = made.Token
	}
	return list, nil
}

// put creates the account's AAA document.
func (s *service) put(ctx context.Context, account string, document map[string]any) error {
	return s.call(ctx, http.MethodPut, "/v2/accounts/"+account+"/aaa", document, nil)
}

// replace replaces the account's AAA document.
func (s *service) replace(ctx context.Context, account string, document map[string]any) error {
	return s.call(ctx, http.MethodPost, "/v2/accounts/"+account+"/aaa", document, nil)
}

// tenantDocument is a tenant's AAA document whose one server is the responder.
func tenantDocument(backend string, workers int) (map[string]any, error) {
	host, port, err := net.SplitHostPort(backend)
	if err != nil {
		return nil, err
	}
	rule := func(key string) map[string]any {
		return map[string]any{"request_key": key, "attribute": key, "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"}
	}
	return map[string]any{
		"aaa_mode": "on",
		"servers": []any{map[string]any{
			"enabled": true, "name": "backend", "address": host, "port": json.Number(port), "secret": backendSecret,
			"aaa_engine": "radius", "dicts": []string{"dictionary"}, "avp": "strict", "retries": 3, "timeout": 5000,
		}},
		"authentication": []string{"backend"}, "authorization": []string{"backend"}, "accounting": []string{"backend"},
		"workers": workers, "nas_address": "127.0.0.1", "nas_port": "2000", "authz_apps": []string{"circlemaker"},
		"authn_avp_translation": []any{rule("User-Name"), rule("User-Password"), rule("Calling-Station-Id")},
	}, nil
}

// requestBody is the request that all gateways are measured with.
const requestBody = `{"data":{"User-Name":"bob@example.com","User-Password":"hello-password","Calling-Station-Id":"00-11-22-33-44-55"}}`

// authnRequests are complete authn requests, one with each token.
func authnRequests(host, account string, tokens ...string) [][]byte {
	var list [][]byte
	for _, token := range tokens {
		list = append(list, postRequest(host, "/v2/accounts/"+account+"/aaa/authn", token, []byte(requestBody)))
	}
	return list
}
