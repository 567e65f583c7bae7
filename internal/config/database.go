package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
)

// DatabaseURL is a PostgreSQL URL that may hold a password. It prints without
// user, password and parameters; only Reveal gives all of it.
type DatabaseURL struct{ text, shown string }

// Reveal returns the whole URL, for the driver.
func (u DatabaseURL) Reveal() string { return u.text }

// IsZero reports that no URL was given: the embedded store is used.
func (u DatabaseURL) IsZero() bool { return u.text == "" }

// HasPassword reports whether the URL itself holds a secret.
func (u DatabaseURL) HasPassword() bool {
	p, err := url.Parse(u.text)
	if err != nil {
		return false
	}
	_, has := p.User.Password()
	q := p.Query()
	return has || q.Has("password") || q.Has("sslpassword")
}

func (u DatabaseURL) String() string               { return u.shown }
func (u DatabaseURL) Format(f fmt.State, _ rune)   { fmt.Fprint(f, u.shown) }
func (u DatabaseURL) LogValue() slog.Value         { return slog.StringValue(u.shown) }
func (u DatabaseURL) MarshalText() ([]byte, error) { return []byte(u.shown), nil }

// parseDatabaseURL accepts postgres:// and postgresql:// URLs. Its errors don't quote the text.
func parseDatabaseURL(text string) (DatabaseURL, error) {
	p, err := url.Parse(text)
	if err != nil {
		return DatabaseURL{}, errors.New("it is not a URL (a special character in the password is written as %XX)")
	}
	if p.Scheme != "postgres" && p.Scheme != "postgresql" {
		return DatabaseURL{}, errors.New("it does not begin with postgres://")
	}
	if p.Opaque != "" || p.Fragment != "" {
		return DatabaseURL{}, errors.New("it is not of the form postgres://user@host:port/database?parameters")
	}
	if _, err := url.ParseQuery(p.RawQuery); err != nil {
		return DatabaseURL{}, errors.New("its parameters are malformed")
	}
	host := p.Host
	if host == "" {
		host = p.Query().Get("host")
	}
	return DatabaseURL{text: text, shown: p.Scheme + "://" + host + p.Path}, nil
}
