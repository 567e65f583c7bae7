// Package naive is the gateway that one writes in an afternoon, with chi,
// encoding/json and layeh.com/radius's Exchange: what the service's speed is
// measured against. It has no tenants, no rules and no failover.
package naive

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"encoding/json"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
)

type envelope struct {
	Data map[string]string `json:"data"`
}

// Gateway answers POST /v2/accounts/{id}/aaa/authn by one Exchange with the RADIUS server at address.
func Gateway(address, secret string) http.Handler {
	r := chi.NewRouter()
	r.Post("/v2/accounts/{id}/aaa/authn", func(w http.ResponseWriter, req *http.Request) {
		var in envelope
		if err := json.NewDecoder(req.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		ctx, cancel := context.WithTimeout(req.Context(), 5*time.Second)
		defer cancel()
		outcome, err := exchange(ctx, address, secret, in.Data)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(envelope{Data: map[string]string{"AAA-Result": outcome}})
	})
	return r
}

func exchange(ctx context.Context, address, secret string, data map[string]string) (outcome string, err error) {
	p := radius.New(radius.CodeAccessRequest, []byte(secret))
	if err := rfc2865.UserName_SetString(p, data["User-Name"]); err != nil {
		return "", err
	}
	if err := rfc2865.UserPassword_SetString(p, data["User-Password"]); err != nil {
		return "", err
	}
	if err := rfc2865.CallingStationID_SetString(p, data["Calling-Station-Id"]); err != nil {
		return "", err
	}
	if err := rfc2865.NASIdentifier_SetString(p, "bench"); err != nil {
		return "", err
	}
	if err := sign(p); err != nil {
		return "", err
	}
	reply, err := radius.Exchange(ctx, p, address)
	if err != nil {
		return "", err
	}
	if reply.Code == radius.CodeAccessAccept {
		return "accept", nil
	}
	return "reject", nil
}

// sign adds a Message-Authenticator (RFC 3579 §3.2), which the library leaves to its users and servers of today ask for.
func sign(p *radius.Packet) error {
	if err := rfc2869.MessageAuthenticator_Set(p, make([]byte, md5.Size)); err != nil {
		return err
	}
	b, err := p.Encode()
	if err != nil {
		return err
	}
	mac := hmac.New(md5.New, p.Secret)
	mac.Write(b)
	return rfc2869.MessageAuthenticator_Set(p, mac.Sum(nil))
}

// Echo decodes the body of the same request and encodes it again: what HTTP, chi and JSON cost with nothing behind them.
func Echo() http.Handler {
	r := chi.NewRouter()
	r.Post("/v2/accounts/{id}/aaa/authn", func(w http.ResponseWriter, req *http.Request) {
		var in envelope
		if err := json.NewDecoder(req.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(in)
	})
	return r
}
