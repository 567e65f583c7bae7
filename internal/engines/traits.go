package engines

import (
	"slices"

	"aaa-api/internal/aaa"
)

// Traits are what the rest of the service has to know of a protocol, so that nothing outside its engine asks for it by
// name. The zero value is a protocol of numbered attributes, each of whose requests stands alone.
type Traits struct {
	// Dictionary is the shipped dictionary of the protocol's own attributes, if every account has it only by naming it.
	Dictionary string
	// Arguments: requests are made of arguments that go by name, so that a custom server takes names of no dictionary.
	Arguments bool
	// Dialogues: a challenge leaves a conversation with the server open. Its State is a handle to it in the memory of
	// one node, and the answer must come to that node. The engine reports a conversation that ends early as a Lost.
	Dialogues bool
	// DropsUnverified: servers drop a request that does not verify under their secret, so that a wrong secret looks
	// like a server that is away.
	DropsUnverified bool
	// Members are the members of a document's servers that this protocol has and not every one.
	Members []string
	// Transports are the values of a server's transport, its default first; none: it has only one way.
	Transports []string
}

// Mode is a server's avp member as the protocol means it. Empty is strict.
func (t *Traits) Mode(avp aaa.AVPMode) aaa.AVPMode {
	switch custom := avp == aaa.CustomAVP; {
	case custom && t.Arguments:
		return aaa.AnyName
	case custom:
		return aaa.CustomAVP
	case t.Arguments:
		return aaa.StrictArguments
	default:
		return aaa.Strict
	}
}

// Lost is a login whose conversation with the server ended while it waited for the user's answer.
type Lost struct {
	Account aaa.AccountID // whose document names the server
	Server  string
	State   []byte // of the challenge
	Why     string
}

// Traits returns the traits of an engine, zero ones for a name that no engine has. The caller must not change them.
func (r *Registry) Traits(name string) *Traits {
	if e, ok := r.engines[name]; ok {
		return e.traits
	}
	return &none
}

var none Traits

// Taking lists the engines whose servers have a member that not every protocol has, by name.
func (r *Registry) Taking(member string) (names []string) {
	for name, e := range r.engines {
		if slices.Contains(e.traits.Members, member) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Transports lists the values of transport that the servers of an engine have, its default first.
func (r *Registry) Transports(engine string) []string { return r.Traits(engine).Transports }

// Dictionaries lists the shipped dictionaries of the protocols' own attributes.
func (r *Registry) Dictionaries() (names []string) {
	for _, e := range r.engines {
		if e.traits.Dictionary != "" {
			names = append(names, e.traits.Dictionary)
		}
	}
	slices.Sort(names)
	return names
}
