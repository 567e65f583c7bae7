package secmod

import (
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// TestXAES256GCM holds manySealer against the test vectors of the specification.
func TestXAES256GCM(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key                byte
		associated, sealed string
	}{
		{1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		m, err := newManySealer([]byte(strings.Repeat(string(rune(c.key)), keyBytes)))
		if err != nil {
			t.Fatal(err)
		}
		text, err := m.sealWith([]byte("ABCDEFGHIJKLMNOPQRSTUVWX"), "XAES-256-GCM", []byte(c.associated))
		if err != nil || hex.EncodeToString(text[24:]) != c.sealed {
			t.Errorf("sealed with key %d: %x, %v", c.key, text[24:], err)
		}
		if clear, err := m.open(text, []byte(c.associated)); err != nil || string(clear) != "XAES-256-GCM" {
			t.Errorf("opened %q, %v", clear, err)
		}
	}
}

// heldBySeal seals with the key in memory and opens with a vault that has just started.
func heldBySeal(t *testing.T, v *Vault, keys *memKeys) (sealed string, opens bool) {
	t.Helper()
	sealed, err := v.SealHeld(t.Context(), alice, "p", "s3cr3t")
	if err != nil {
		t.Fatal(err)
	}
	keys.mu.Lock()
	down := keys.down
	keys.down = false
	keys.mu.Unlock()
	got, err := New(v.kek, keys).Open(t.Context(), alice, "p", sealed)
	keys.mu.Lock()
	keys.down = down
	keys.mu.Unlock()
	return sealed, err == nil && got.Reveal() == "s3cr3t"
}

// TestSealHeldNoticesARestore: a database with another key is noticed within 10 seconds, and asked once in that time.
func TestSealHeldNoticesARestore(t *testing.T) {
	t.Parallel()
	kek := newKEK(t)
	synctest.Test(t, func(t *testing.T) {
		keys := &memKeys{}
		v := New(kek, keys)
		if _, opens := heldBySeal(t, v, keys); !opens {
			t.Error("what SealHeld made does not open")
		}
		gets := keys.gets
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if _, err := v.SealHeld(t.Context(), alice, "p", "x"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if keys.gets != gets {
			t.Errorf("%d queries for a key that was just seen", keys.gets-gets)
		}
		other := &memKeys{}
		if _, err := New(kek, other).Seal(t.Context(), alice, "p", "x"); err != nil {
			t.Fatal(err)
		}
		keys.mu.Lock()
		keys.rows = other.rows
		keys.mu.Unlock()
		time.Sleep(10 * time.Second)
		gets = keys.gets
		if _, opens := heldBySeal(t, v, keys); !opens {
			t.Error("after 10 seconds the lost key is still in use")
		}
		if n := keys.gets - gets; n != 2 { // one of them by the vault that opens
			t.Errorf("%d queries", n)
		}
	})
}

// TestSealHeldWhileTheStoreIsAway: the key in memory serves as long as the store is away, which is asked once a second.
func TestSealHeldWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	kek := newKEK(t)
	synctest.Test(t, func(t *testing.T) {
		keys := &memKeys{}
		v := New(kek, keys)
		heldBySeal(t, v, keys)
		keys.down = true
		if _, err := v.SealHeld(t.Context(), bob, "p", "x"); !errors.Is(err, store.ErrUnavailable) || aaa.KindOf(err) != aaa.KindUnavailable {
			t.Errorf("no key in memory: %v, want ErrUnavailable", err)
		}
		time.Sleep(time.Hour)
		gets := keys.gets
		for range 100 {
			if _, err := v.SealHeld(t.Context(), alice, "p", "x"); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := keys.gets - gets; n != 1 {
			t.Errorf("the store that is away was asked %d times at once", n)
		}
		if _, opens := heldBySeal(t, v, keys); !opens {
			t.Error("what was sealed meanwhile does not open")
		}
		// A restore is noticed a second after the store is back.
		keys.mu.Lock()
		keys.rows, keys.down = nil, false
		keys.mu.Unlock()
		time.Sleep(awayPause)
		heldBySeal(t, v, keys)
		synctest.Wait()
		if _, opens := heldBySeal(t, v, keys); !opens {
			t.Error("the lost key is still in use")
		}
	})
}

func TestTamperingWithSealHeld(t *testing.T) {
	t.Parallel()
	v := New(newKEK(t), &memKeys{})
	sealed, err := v.SealHeld(t.Context(), alice, "p", "secret")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := v.OpenHeld(alice, "p", sealed); err != nil || got.Reveal() != "secret" {
		t.Errorf("OpenHeld: %v", err)
	}
	for i := range sealed {
		for _, bad := range []string{sealed[:i], sealed[:i] + string(sealed[i]^1) + sealed[i+1:], SealedPrefix + sealed[len(manyPrefix):]} {
			if _, err := v.Open(t.Context(), alice, "p", bad); !errors.Is(err, ErrSealed) {
				t.Errorf("%q opened: %v", bad, err)
			}
		}
	}
	for _, to := range []struct {
		account aaa.AccountID
		purpose string
	}{{alice, "q"}, {bob, "p"}} {
		if _, err := v.Open(t.Context(), to.account, to.purpose, sealed); !errors.Is(err, ErrSealed) {
			t.Errorf("opened elsewhere: %v", err)
		}
	}
}

func BenchmarkSealHeld(b *testing.B) {
	v := New(newKEK(b), &memKeys{})
	clear := strings.Repeat("x", 400)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.SealHeld(b.Context(), alice, "spool/0123456789abcdef0123456789abcdef", clear); err != nil {
			b.Fatal(err)
		}
	}
}
