// Package storetest is the conformance suite of the storage contract. Every
// driver runs it; there is nothing in it about any one driver. The tests of what
// is above the store get theirs from it too.
package storetest

import (
	"errors"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Run runs the suite. open gives a store that is empty, migrated and closed by
// itself at the end of the test.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for name, test := range map[string]func(*testing.T, store.Store){
		"accounts are stored and found":                 testAccounts,
		"bounds of accounts":                            testBounds,
		"limits of what an account owns":                testLimits,
		"octets of dictionaries are limited":            testDictionaryOctets,
		"tokens that ended":                             testTokensThatEnded,
		"accounts below one are limited":                testAccountsLimit,
		"sessions are limited":                          testSessionsLimit,
		"one root":                                      testOneRoot,
		"a realm is unique":                             testRealm,
		"the account of a realm":                        testByRealm,
		"an update needs the revision":                  testAccountRevision,
		"moves keep the paths":                          testMove,
		"moves make no cycle":                           testCycle,
		"the tree has a greatest depth":                 testDepth,
		"descendants by path":                           testDescendants,
		"lists come in pages":                           testPages,
		"a deleted account takes everything along":      testDeleteAccount,
		"a move races with another":                     testMovesRace,
		"documents are stored and found":                testDocuments,
		"documents of all accounts below one":           testBelow,
		"accounts with their documents":                 testOfAccounts,
		"the nearest of a name":                         testNearestAbove,
		"history":                                       testHistory,
		"history is pruned":                             testHistoryPruned,
		"one of two writers wins":                       testWritersRace,
		"one of two creators wins":                      testCreatorsRace,
		"dictionaries are stored and found":             testDictionaries,
		"tables and users files are stored and found":   testTexts,
		"a move leaves no dictionary in use behind":     of(dictionary, testMoveLeaves),
		"a move leaves no table in use behind":          of(table, testMoveLeaves),
		"a move leaves a dictionary and a table":        testMoveLeavesBoth,
		"a dictionary in use stays":                     of(dictionary, testInUse),
		"a table in use stays":                          of(table, testInUse),
		"the nearest dictionary is the one in use":      of(dictionary, testNearest),
		"the nearest table is the one in use":           of(table, testNearest),
		"a dictionary in use keeps its name":            testRenameInUse,
		"a dictionary and a table of one name":          testSameName,
		"a document needs what it names":                testMissing,
		"a dictionary's deletion races with a document": of(dictionary, testReferenceRace),
		"a table's deletion races with a document":      of(table, testReferenceRace),
		"tokens":                                           testTokens,
		"sessions end with their API key":                  testAPIKeys,
		"what a revoked token made is revoked":             testRevoke,
		"a revoked token makes no more":                    testMakerGone,
		"what a token made outlives it alone":              testOrphan,
		"a move revokes what accounts left behind made":    testMoveRevokes,
		"a revocation in many accounts is one change":      testRevokeMany,
		"the key of the checksums":                         testTokenKey,
		"one of many rotated API keys is left":             testRotationsRace,
		"expired tokens":                                   testExpiredTokens,
		"the first data key stays":                         testKeys,
		"data keys are replaced and forgotten":             testKeysRotate,
		"sessions are stored and found":                    testSessions,
		"one of two writers of a session wins":             testSessionsRace,
		"due sessions are claimed once":                    testDue,
		"due sessions of many accounts in turn":            testDueInTurn,
		"an account that is owed much delays no other one": testDueFair,
		"nodes share out what is due":                      testDueRace,
		"ended sessions are deleted":                       testDeleteEnded,
		"sessions of one account no other one can see":     testSessionTenancy,
		"sessions of a subtree":                            testSessionsBelow,
		"sessions by user and stage":                       testSessionsBy,
		"sessions of a NAS":                                testSessionsOfNAS,
		"sessions of a subtree among many others":          testSessionsBelowMany,
		"accounting records are stored and delivered":      testSpool,
		"a newer Interim record replaces older ones":       testSpoolInterims,
		"a record is stored once":                          testSpoolRepeated,
		"a repeated record is not withdrawn":               testSpoolRepeatedWithdrawn,
		"records behind others":                            testSpoolBehind,
		"records of servers that recovered":                testSpoolRecover,
		"outcomes of claims":                               testSpoolSettled,
		"filters of records":                               testSpoolFilters,
		"texts of records":                                 testSpoolTexts,
		"many records":                                     testSpoolMany,
		"backlogs":                                         testSpoolBacklogs,
		"records whose time is over":                       testSpoolParked,
		"records of fallen nodes":                          testSpoolFallen,
		"requests are run once":                            testIdempotency,
		"bans are stored and listed":                       testBans,
		"nodes add to one subject at once":                 testBansRace,
		"bans of a subtree":                                testBansBelow,
		"clients are stored and found":                     testClients,
		"clients of all accounts":                          testEachClient,
		"clients are where their accounts may have them":   testClientNetworks,
		"a move leaves no client where it may not be":      testClientsMove,
		"one of many accounts has an address":              testClientsRace,
		"one of many nodes runs a request":                 testIdempotencyRace,
		"records of a session in their order":              testSpoolOrder,
		"every write is a change":                          testChanges,
		"a refused write is no change":                     testNoChange,
		"changes in order under many writers":              testChangeOrder,
		"a pruned log has a gap":                           testGap,
		"a write wakes":                                    testWake,
		"the follower delivers":                            testFollower,
		"a cancelled call says so":                         testCancelled,
		"a closed store cannot be reached":                 testClosed,
		"what belongs to one account no other one can see": testTenancy,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// must stops the test on an error.
func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks that an error is the one wanted.
func refused(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

// account stores an account below parent, which is empty for the root.
func account(t *testing.T, s store.Store, name string, parent aaa.AccountID) store.Account {
	t.Helper()
	a, err := s.Accounts().Create(t.Context(), store.Account{
		ID: aaa.NewAccountID(), Name: name, ParentID: parent, Enabled: true,
	})
	if err != nil {
		t.Fatalf("account %s: %v", name, err)
	}
	return a
}

func ids(list []store.Account) []aaa.AccountID {
	out := make([]aaa.AccountID, len(list))
	for i, a := range list {
		out[i] = a.ID
	}
	return out
}
