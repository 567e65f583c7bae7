package postgres

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/store"
	"aaa-api/internal/store/pgtest"
	"aaa-api/internal/store/storetest"
)

// BenchmarkSpool runs on the server of the tests. What it measures is durable if that has synchronous_commit and fsync on.
func BenchmarkSpool(b *testing.B) {
	s, err := Open(b.Context(), pgtest.Migrated(b, Migrate), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the test is over
	var fsync, commit string
	if err := s.driver.pool.QueryRow(b.Context(), `SELECT current_setting('fsync'), current_setting('synchronous_commit')`).Scan(&fsync, &commit); err != nil {
		b.Fatal(err)
	}
	b.Logf("fsync is %s, synchronous_commit %s", fsync, commit)
	var folder string
	if err := s.driver.pool.QueryRow(b.Context(), `SHOW data_directory`).Scan(&folder); err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "postmaster.pid"))
	if err != nil {
		b.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.SplitN(string(text), "\n", 2)[0])
	if err != nil {
		b.Fatal(err)
	}
	storetest.BenchmarkSpool(b, s, func(r store.SpoolRecord) error {
		_, err := s.driver.Exec(b.Context(), storetest.InsertRecord, storetest.RecordArgs(r)...)
		return err
	}, func() time.Duration { return storetest.Used(b) + serverUsed(b, pid) })
}

// serverUsed is how much time of processors the server and its processes have had, in hundredths of a second as proc(5) has it.
func serverUsed(b *testing.B, postmaster int) (used time.Duration) {
	b.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		b.Fatal("no /proc: ", err)
	}
	for _, path := range stats {
		text, _ := os.ReadFile(path) // a process that is gone has none
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) < 15 || pid != postmaster && fields[1] != strconv.Itoa(postmaster) {
			continue
		}
		last := 13 // utime and stime
		if pid == postmaster {
			last = 15 // and those of its children that are gone
		}
		for _, f := range fields[11:last] {
			ticks, _ := strconv.Atoi(f)
			used += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return used
}
