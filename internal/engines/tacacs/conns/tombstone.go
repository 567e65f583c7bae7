package conns

import "time"

const (
	maxTombstones = 1024            // of one connection
	tombstoneLife = 2 * time.Minute // no server answers later
)

// tombstones are the ids of sessions that were given up before their reply. A late
// reply to one is dropped silently, and the id is not used again before that. They are
// bounded in number and age.
type tombstones struct {
	dead  map[uint32]time.Time // when; nil: none yet
	order []grave              // oldest first; not in dead if the reply came
}

type grave struct {
	id   uint32
	died time.Time
}

// add buries an id; the oldest make room.
func (t *tombstones) add(id uint32, now time.Time) {
	t.expire(now)
	if len(t.order) >= maxTombstones {
		t.drop()
	}
	if t.dead == nil {
		t.dead = make(map[uint32]time.Time)
	}
	t.dead[id] = now
	t.order = append(t.order, grave{id, now})
}

// drop forgets the oldest.
func (t *tombstones) drop() {
	oldest := t.order[0]
	// The same id may have died again, after its first reply came.
	if t.dead[oldest.id].Equal(oldest.died) {
		delete(t.dead, oldest.id)
	}
	t.order = t.order[1:]
}

// expire forgets what is too old.
func (t *tombstones) expire(now time.Time) {
	for len(t.order) > 0 && now.Sub(t.order[0].died) >= tombstoneLife {
		t.drop()
	}
	if len(t.order) == 0 {
		t.order = nil
	}
}

// take forgets an id whose late reply has come. It returns false if there is no such id.
func (t *tombstones) take(id uint32) bool {
	if _, ok := t.dead[id]; !ok {
		return false
	}
	delete(t.dead, id)
	return true
}

func (t *tombstones) has(id uint32) bool { _, ok := t.dead[id]; return ok }
func (t *tombstones) len() int           { return len(t.dead) }
