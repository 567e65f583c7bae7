package session

import (
	"errors"
	"slices"
	"strings"

	"aaa-api/internal/aaa"
)

// takeAnswer puts the answer of a CONT under the document's key of the password, which it returns; empty without an answer.
func takeAnswer(keys aaa.Values, st *step, doc *Document) (key string, err error) {
	answer, ok := keys[AnswerKey]
	if !ok {
		return "", nil
	}
	bad := func(rule, message string) (string, error) {
		return "", aaa.Invalid(aaa.Field{Path: AnswerKey, Rule: rule, Message: message})
	}
	if key = doc.password(); key == "" {
		return bad("unknown", "the AAA document has no rule for User-Password or password: give the answer under the rule's own key")
	}
	if _, twice := st.values[key]; twice && key != AnswerKey {
		return bad("conflict", "stands for "+key+", which is given too")
	}
	delete(keys, AnswerKey)
	keys[key] = answer
	return key, nil
}

// inAnswer names AnswerKey in the faults of the key that it stood for.
func inAnswer(err error, key string) error {
	var e *aaa.Error
	if key == "" || !errors.As(err, &e) || e.Kind != aaa.KindBadInput {
		return err
	}
	named := *e
	named.Fields, named.Err = slices.Clone(e.Fields), e
	for i := range named.Fields {
		f := &named.Fields[i]
		if rest, ok := strings.CutPrefix(f.Path, key); ok && (rest == "" || rest[0] == '.') {
			f.Path = AnswerKey + rest
		}
	}
	return &named
}
