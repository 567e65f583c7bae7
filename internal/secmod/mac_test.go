package secmod

import (
	"testing"

	"aaa-api/internal/aaa"
)

func TestMACIsOfAccountPurposeAndKey(t *testing.T) {
	t.Parallel()
	kek, keys := newKEK(t), &memKeys{}
	v, other := New(kek, keys), New(kek, keys) // two nodes
	of := func(v *Vault, account, purpose, text string) [32]byte {
		t.Helper()
		sum, err := v.MAC(t.Context(), aaa.AccountID(account), purpose, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	first := of(v, "a", "p", "text")
	if of(other, "a", "p", "text") != first {
		t.Error("two nodes disagree")
	}
	for i, sum := range [][32]byte{of(v, "b", "p", "text"), of(v, "a", "q", "text"), of(v, "a", "p", "texts"), of(New(newKEK(t), &memKeys{}), "a", "p", "text")} {
		if sum == first {
			t.Errorf("%d: the same fingerprint", i)
		}
	}
}
