package authorizer

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"syscall"
	"time"

	"aaa-api/internal/aaa"
)

// Time limits of one question, and the bound of its answer.
const (
	DefaultTimeout = 2 * time.Second
	MaxTimeout     = 30 * time.Second
	maxAnswer      = 64 << 10 // octets
)

// Question is what an authoriser is asked.
type Question struct {
	Account   aaa.AccountID
	RequestID string
	Op        aaa.Op
	Values    map[string]any // the caller's keys, all of them
	Hidden    []string       // keys of Values that are secrets whatever their names
}

// Verdict is what came of a question.
type Verdict struct {
	Authorized bool
	Outcome    string // authorized, refused, no answer (or none that can be used), or no answer: failed open
	Elapsed    time.Duration
}

// The values of Verdict.Outcome.
const (
	Authorized = "authorized"
	Refused    = "refused"
	NoAnswer   = "no answer"
	FailedOpen = "no answer: failed open"
)

// Client asks authorisers. It keeps connections for reuse and is safe for use
// by many goroutines.
type Client struct {
	http *http.Client
	now  func() time.Time
}

// New makes a Client. It uses no proxy, follows no redirect and keeps no cookie:
// a question goes to the registered URL and nowhere else.
func New() *Client {
	dialer := &net.Dialer{Timeout: MaxTimeout, KeepAlive: 30 * time.Second}
	return &Client{
		now: time.Now,
		http: &http.Client{
			Transport: &http.Transport{
				DialContext:            dialer.DialContext,
				TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
				TLSHandshakeTimeout:    10 * time.Second,
				MaxIdleConns:           256,
				MaxIdleConnsPerHost:    64,
				IdleConnTimeout:        60 * time.Second,
				MaxResponseHeaderBytes: 16 << 10,
				DisableCompression:     true, // a bound on the octets read is a bound on the answer
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Close gives idle connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Ask puts the question to the provider registered under name. The Verdict
// always holds; an error beside it says, for the log, why there was no answer,
// and never holds the secret or the URL. A provider that is fail_open authorises by silence and by a status of 5xx, not by
// any other status or body, nor where it can't be asked, nor when ctx itself ended.
func (c *Client) Ask(ctx context.Context, name string, p aaa.AuthzProvider, q Question) (Verdict, error) {
	begun := c.now()
	authorized, err := c.ask(ctx, name, p, q)
	v := Verdict{Authorized: authorized, Outcome: Refused, Elapsed: c.now().Sub(begun)}
	switch {
	case err == nil && authorized:
		v.Outcome = Authorized
	case err == nil:
	case p.FailOpen && ctx.Err() == nil && isDown(err):
		v.Authorized, v.Outcome = true, FailedOpen
	default:
		v.Authorized, v.Outcome = false, NoAnswer
	}
	if err != nil {
		err = fmt.Errorf("authoriser %q: %w", name, err)
	}
	return v, err
}

func (c *Client) ask(ctx context.Context, name string, p aaa.AuthzProvider, q Question) (bool, error) {
	if p.Secret.IsZero() {
		return false, errors.New("it has no secret to sign with")
	}
	if err := CheckURL(p.URL); err != nil {
		return false, err
	}
	body, err := json.Marshal(question{Name: name, Account: q.Account, RequestID: q.RequestID, Op: q.Op, Data: shareable(q)})
	if err != nil {
		return false, fmt.Errorf("the question can't be written: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeLimit(p.Timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL, bytes.NewReader(body))
	if err != nil {
		return false, errors.New("its URL is not one") // the reason would quote the URL
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "aaa-api")
	req.Header.Set("X-Request-ID", q.RequestID)
	// Where an idle connection turns out to be closed, the question goes out again over another. Of no values the header is not sent.
	req.Header["Idempotency-Key"] = nil
	setSignature(req.Header, p.Secret, c.now(), body)

	resp, err := c.http.Do(req)
	if err != nil {
		return false, withoutURL(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		// The body is not read: cut off or without end it would turn a 403 into silence, and that of a 101 is the
		// connection, a read of which no time limit ends.
		return false, statusError(resp.StatusCode)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case len(answer) > maxAnswer:
		return false, fmt.Errorf("its answer is longer than %d octets", maxAnswer)
	case err != nil:
		if authorized, bad := parseAnswer(answer); bad == nil && !authorized {
			return false, nil // it has said no, however the connection ended
		}
		return false, &cutError{withoutURL(err)}
	}
	return parseAnswer(answer)
}

// statusError is a status other than 200.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("it answered with status %d", int(s)) }

// cutError is an answer of status 200 whose body ends too early.
type cutError struct{ err error }

func (e *cutError) Error() string { return "its answer is cut off: " + e.err.Error() }
func (e *cutError) Unwrap() error { return e.err }

// isDown reports whether an authoriser was silent or said itself that it is out of order. Anything else, a 403 above all, may
// be meant as a refusal: an answer that is cut off, or a TLS alert, by which an authoriser refuses to talk. A certificate that
// does not verify may be somebody else's.
func isDown(err error) bool {
	var status statusError
	switch {
	case errors.As(err, &status):
		return status >= http.StatusInternalServerError && status < 600
	case isTLSAlert(err):
		return false
	}
	var cut *cutError
	if errors.As(err, &cut) {
		return false
	}
	var network net.Error // time-outs too
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// isTLSAlert reports an alert of either end: crypto/tls wraps it as a network error of an operation of its own.
func isTLSAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}

// question is the body of a question.
type question struct {
	Name      string         `json:"name"`
	Account   aaa.AccountID  `json:"account_id"`
	RequestID string         `json:"request_id"`
	Op        aaa.Op         `json:"op"`
	Data      map[string]any `json:"data"`
}

// shareable is the question's values without the secrets among them.
func shareable(q Question) map[string]any {
	data := make(map[string]any, len(q.Values))
	for key, value := range q.Values {
		if !aaa.SensitiveName(key) && !slices.Contains(q.Hidden, key) {
			data[key] = value
		}
	}
	return data
}

// errAnswer is returned for a body that is not the answer of an authoriser.
var errAnswer = errors.New(`its answer is not a JSON object with one member "authorized" that is true or false`)

// parseAnswer takes the one member that counts. It is read member by member
// because encoding/json would also take other spellings of it, and the last of several.
func parseAnswer(body []byte) (authorized bool, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return false, errAnswer
	}
	found := 0
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return false, errAnswer
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return false, errAnswer
		}
		if key != "authorized" {
			continue
		}
		found++
		switch string(value) {
		case "true":
			authorized = true
		case "false":
		default:
			return false, errAnswer
		}
	}
	if _, err := d.Token(); err != nil || found != 1 {
		return false, errAnswer
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return false, errAnswer
	}
	return authorized, nil
}

// CheckURL accepts absolute http and https URLs with a host, without user and password.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("its URL is not an absolute http or https URL")
	case u.User != nil:
		return errors.New("its URL holds a user name: the signature is the credential")
	}
	return nil
}

// timeLimit turns a provider's milliseconds into a time limit within bounds.
func timeLimit(ms int) time.Duration {
	if ms <= 0 {
		return DefaultTimeout
	}
	return min(time.Duration(ms)*time.Millisecond, MaxTimeout)
}

// withoutURL takes the URL, whose query may hold a credential, out of an error.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
