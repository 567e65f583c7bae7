package httpapi

import (
	"errors"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/line"
	"aaa-api/internal/web"
)

// from is who asks for an operation, and about which account.
func from(c *web.Call) line.From {
	return line.From{Token: c.Token(), Account: c.Account(), RequestID: c.ID(), At: c.Start()}
}

// caller is who sent a request.
func caller(c *web.Call) *admin.Caller {
	return &admin.Caller{Principal: *c.Who(), RequestID: c.ID(), At: c.Start(), Heavy: c.Heavy, HeavyCheck: c.HeavyCheck}
}

// advise adds to an error of a kind which request mends it. An error of a limit or with fields says so itself.
func advise(err error, kind aaa.Kind, advice string) error {
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Fields != nil || e.Excess != nil {
		return err
	}
	better := *e
	better.Message += ": " + advice
	return &better
}
