package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
)

// The patience of a Client. answerTime is above the deadline of an AAA request (30 s), which the caller keeps and the other
// node, too.
const (
	dialTime   = 3 * time.Second
	answerTime = 40 * time.Second
)

// Client asks other nodes.
type Client struct {
	vault HeldVault
	log   *slog.Logger
	http  *http.Client
	clock func() time.Time
}

// NewClient makes a Client. It follows no redirect and uses no proxy: it speaks to nodes, and their URLs are exact.
func NewClient(v HeldVault, log *slog.Logger) *Client {
	return &Client{
		vault: v, log: log, clock: time.Now,
		http: &http.Client{
			Timeout:       answerTime,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				DialContext:            (&net.Dialer{Timeout: dialTime}).DialContext,
				TLSHandshakeTimeout:    dialTime,
				MaxConnsPerHost:        maxInFlight,
				DisableKeepAlives:      true, // on a kept one that has just been closed, nobody knows if the message arrived
				MaxResponseHeaderBytes: 16 << 10,
				DisableCompression:     true,
			},
		},
	}
}

// Continue asks the node at url, which IsURL accepts, to go on with a login. The errors are
// *aaa.Error: that node's own; KindConflict with ErrGone where it can't be asked, so that the
// login must begin anew; KindNoAnswer where it was asked and what it did is not known.
func (c *Client) Continue(ctx context.Context, url string, account aaa.AccountID, sid string, values aaa.Values, requestID string) (*aaa.SessionAnswer, error) {
	var id nonce
	aaa.Random(id[:])
	first, err := c.seal(ctx, headPurpose, head{To: url, At: c.clock().UnixMilli(), Nonce: id[:]})
	if err != nil {
		return nil, err
	}
	sealed, err := c.seal(ctx, messagePurposeOf(id), message{Account: account, SID: sid, Values: values, RequestID: requestID})
	if err != nil {
		return nil, err
	}
	if len(sealed) > MaxMessage {
		return nil, aaa.Errorf(aaa.KindBadInput, "the values are too long for the node that holds the login")
	}
	reply, err := c.post(ctx, url, first, sealed)
	if err != nil {
		c.log.WarnContext(ctx, "another node could not be asked to continue a login", "peer", url, "request_id", requestID, "error", err)
		return nil, err
	}
	clear, err := c.vault.Open(ctx, aaa.SystemConfig, answerPurposeOf(id), reply)
	var o outcome
	if err == nil {
		err = aaa.DecodeJSON([]byte(clear.Reveal()), &o)
	}
	switch {
	case err != nil:
		c.log.WarnContext(ctx, "another node's answer does not open", "peer", url, "request_id", requestID, "error", err)
		return nil, noAnswer(err)
	case o.Error != nil:
		return nil, o.Error.Error()
	case o.Answer == nil:
		return nil, noAnswer(errors.New("an empty answer"))
	}
	return o.Answer, nil
}

func (c *Client) seal(ctx context.Context, purpose string, v any) (string, error) {
	text, err := aaa.PlainJSON(v)
	if err != nil {
		return "", err
	}
	return c.vault.Seal(ctx, aaa.SystemConfig, purpose, string(text))
}

// post sends a sealed head and message and returns the text that comes back.
func (c *Client) post(ctx context.Context, url, head, sealed string) (string, error) {
	if !IsURL(url) {
		return "", gone(fmt.Errorf("%q is no node's URL", url))
	}
	var noTLS atomic.Bool // the connection came about, and TLS on it failed
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
		noTLS.Store(err != nil)
	}})
	req, err := http.NewRequestWithContext(traced, http.MethodPost, url+Path, strings.NewReader(sealed))
	if err != nil {
		return "", gone(err)
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	req.Header.Set(headName, head)
	resp, err := c.http.Do(req)
	var dial *net.OpError
	switch {
	case err != nil && ctx.Err() == nil && (noTLS.Load() || errors.As(err, &dial) && dial.Op == "dial"):
		return "", gone(err)
	case err != nil:
		return "", noAnswer(err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return "", gone(errors.New("it does not take the message: has it started anew, or do clocks, key files or --advertise differ?"))
	default:
		return "", noAnswer(errors.New("it answered " + resp.Status))
	}
	reply, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(reply) > maxAnswer {
		err = errors.New("its answer is too long")
	}
	if err != nil {
		return "", noAnswer(err)
	}
	return string(reply), nil
}

func gone(why error) *aaa.Error {
	return &aaa.Error{
		Kind: aaa.KindConflict, Message: "the node that held this login cannot be asked any more: begin a new session",
		Err: errors.Join(ErrGone, why),
	}
}

func noAnswer(why error) *aaa.Error {
	return &aaa.Error{Kind: aaa.KindNoAnswer, Message: "the node that holds this login gave no answer", Err: why}
}
