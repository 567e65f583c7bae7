package store

import (
	"encoding/json"
	"time"

	"aaa-api/internal/aaa"
)

// Client is the document of a network device as stored: secrets sealed.
type Client struct {
	Account   aaa.AccountID
	Name      string // unique in the account; can't be changed
	Revision  int64  // from 1
	Body      json.RawMessage
	CreatedAt time.Time
	UpdatedAt time.Time
}
