package plans

import (
	"context"
	"errors"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/store"
)

// lesson is what a Client had learnt of its server when its account left memory. The next Client of the entry goes by it: what
// protects an account must not end because nothing asked for it in an hour.
type lesson struct{ server, memory string }

// remember keeps the lessons of an account that leaves memory; t.mu is held. Those of an account that did not use its document
// since it came back stay as they are.
func (t *Cache) remember(id aaa.AccountID, levels [2]*CompiledDocument) {
	for _, l := range levels {
		if l == nil {
			continue
		}
		var lessons []lesson
		for _, s := range l.Servers {
			if r, ok := s.Client.(engines.Rememberer); ok {
				if memory := r.Remember(); memory != "" {
					lessons = append(lessons, lesson{s.Name, memory})
				}
			}
		}
		if lessons == nil {
			delete(t.lessons, id)
		} else {
			t.lessons[id] = lessons
		}
		return
	}
}

// memoryOf is what the lessons say of a server.
func memoryOf(lessons []lesson, server string) string {
	for _, l := range lessons {
		if l.server == server {
			return l.memory
		}
	}
	return ""
}

// unlearn drops the lessons of a cold account that is no longer there. While the store is away they stay.
func (t *Cache) unlearn(ctx context.Context, id aaa.AccountID) {
	t.mu.RLock()
	_, has := t.lessons[id]
	t.mu.RUnlock()
	if !has {
		return
	}
	if _, err := t.store.Accounts().Get(ctx, id); errors.Is(err, store.ErrNotFound) {
		t.mu.Lock()
		delete(t.lessons, id)
		t.mu.Unlock()
	}
}
