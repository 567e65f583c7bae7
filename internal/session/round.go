package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"aaa-api/internal/aaa"
)

// A round is the last answer to a challenge, kept so that a repetition of its request gets the same result and the server is not
// asked again. The next step that the session takes forgets it.
type round struct {
	Challenge string             `json:"challenge"`
	By        string             `json:"by,omitempty"`     // the step that began it
	Request   []byte             `json:"request"`          // fingerprint of the request
	Answer    *aaa.SessionAnswer `json:"answer,omitempty"` // nil while the server is being asked
}

// step is a CONT as the caller sent it.
type step struct {
	id          string // by which a node knows its own write again
	challenge   string // empty where the caller names none
	values      aaa.Values
	fingerprint []byte
}

// newStep reads a CONT. The fingerprint of its values is keyed by the SID, which is stored nowhere, so it gives
// away nothing of a password.
func newStep(sid string, values aaa.Values) (*step, error) {
	st := &step{id: aaa.NewID(), values: maps.Clone(values)}
	if _, ok := values[stateKey]; ok {
		return nil, aaa.Invalid(aaa.Field{Path: stateKey, Rule: "unknown", Message: "a session keeps it itself"})
	}
	if given, ok := values[ChallengeKey]; ok {
		if st.challenge, ok = given.(string); !ok || st.challenge == "" {
			return nil, aaa.Invalid(aaa.Field{Path: ChallengeKey, Rule: "type", Message: "must be the id that came with the challenge", Target: "string"})
		}
		delete(st.values, ChallengeKey)
	}
	text, err := json.Marshal(st.values) // with sorted keys
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, []byte(sid))
	mac.Write(text)
	st.fingerprint = mac.Sum(nil)
	return st, nil
}

var (
	// errRepeated ends a change to which the answer is known already.
	errRepeated = errors.New("the request repeats another")
	// errUnderWay ends a change that repeats a request which has no answer yet.
	errUnderWay = errors.New("the request repeats another that is under way")
	// errWritten ends a change that was written already, by an attempt whose answer was lost.
	errWritten = errors.New("the request has begun")
)

// How often a repetition looks for the answer to the request that it repeats: for as long as a request may take.
const (
	repeatPause = 200 * time.Millisecond
	repeatPolls = 150
)

// inTurn takes a step, and takes it again while it returns errUnderWay.
func (m *Manager) inTurn(ctx context.Context, take func() (*aaa.SessionAnswer, error)) (*aaa.SessionAnswer, error) {
	for range repeatPolls {
		a, err := take()
		if !errors.Is(err, errUnderWay) {
			return a, err
		}
		if err := m.pause(ctx, repeatPause); err != nil {
			return nil, err
		}
	}
	return nil, &aaa.Error{Kind: aaa.KindBusy, Message: "the request that this one repeats is still under way", RetryAfter: time.Second}
}

// begun reports whether the step was written already.
func (s *session) begun(st *step) bool {
	r := s.private.Round
	return r != nil && r.By == st.id && s.place() == Init
}

// repeated is the answer that the same step had before, nil where it is a new one.
func (s *session) repeated(st *step) (*aaa.SessionAnswer, error) {
	r := s.private.Round
	switch {
	case r == nil || st.challenge == "" || st.challenge != r.Challenge:
		return nil, nil
	case !hmac.Equal(r.Request, st.fingerprint):
		return nil, otherChallenge("the challenge was answered already, with other keys")
	case r.Answer == nil:
		return nil, errUnderWay
	}
	a := *r.Answer
	if a.Result == aaa.SessionAuthenticated {
		a.Keys, a.AVPs = s.private.AcceptKeys, s.private.AcceptAVPs
	}
	return &a, nil
}

// answers refuses a step that names another challenge than the one that is out.
func (s *session) answers(st *step) error {
	if st.challenge != "" && st.challenge != s.private.Challenge {
		return otherChallenge("another challenge is out")
	}
	return nil
}

func otherChallenge(why string) error {
	return &aaa.Error{
		Kind: aaa.KindConflict, Message: "the answer is not sent: " + why,
		Fields: []aaa.Field{{Path: ChallengeKey, Rule: "current", Message: why}},
	}
}

// answered is the round with its answer, nil for INIT, which is none. What an accept brought is in the session already.
func (r *round) answered(a *aaa.SessionAnswer) *round {
	if r == nil {
		return nil
	}
	kept := *a
	if kept.Result == aaa.SessionAuthenticated {
		kept.Keys, kept.AVPs = nil, nil
	}
	return &round{Challenge: r.Challenge, By: r.By, Request: r.Request, Answer: &kept}
}
