package line

import (
	"context"
)

// Raw is a request or an answer in its binary form: whoever passes it on does not know its type.
type Raw []byte

// Relay hands calls on to another line, without a look at what they say.
type Relay struct {
	To func() Caller // nil: nobody is there now
}

// Serve implements Handler.
func (r Relay) Serve(ctx context.Context, operation uint16, from *From, decode func(any) error) (any, error) {
	to := r.To()
	if to == nil {
		return nil, Away()
	}
	var request, answer Raw
	if err := decode(&request); err != nil {
		return nil, err
	}
	if err := to.Call(ctx, operation, from, &request, &answer); err != nil {
		return nil, err
	}
	return &answer, nil
}
