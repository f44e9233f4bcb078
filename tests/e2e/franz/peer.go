package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var saying sync.Mutex

func say(word string, value any) {
	saying.Lock()
	defer saying.Unlock()
	fail(json.NewEncoder(os.Stdout).Encode(map[string]any{word: value}))
}

func lines() *bufio.Scanner {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<24)
	return input
}

// peer is what peers/README.md describes.
func peer(ctx context.Context, arguments []string) {
	if arguments[0] == "produce" {
		peerProduce(ctx, arguments[1], arguments[2])
	} else {
		peerConsume(ctx, arguments[1], arguments[2], arguments[3])
	}
}

func peerProduce(ctx context.Context, address, topic string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	fail(err)
	defer client.Close()
	for input := lines(); input.Scan(); {
		var values []string
		fail(json.Unmarshal(input.Bytes(), &values))
		records := []*kgo.Record{}
		for _, value := range values {
			records = append(records, &kgo.Record{Topic: topic, Key: []byte(value), Value: []byte(value)})
		}
		fail(client.ProduceSync(ctx, records...).FirstErr())
		say("acked", len(values))
	}
}

// assignment says what is assigned whenever that changes. The client tells of changes only.
type assignment struct {
	lock sync.Mutex
	has  map[int32]bool
}

func (a *assignment) change(given bool, topics map[string][]int32) {
	a.lock.Lock()
	defer a.lock.Unlock()
	for _, partitions := range topics {
		for _, partition := range partitions {
			if given {
				a.has[partition] = true
			} else {
				delete(a.has, partition)
			}
		}
	}
	now := []int{}
	for partition := range a.has {
		now = append(now, int(partition))
	}
	sort.Ints(now)
	say("assigned", now)
}

func peerConsume(ctx context.Context, address, topic, group string) {
	assigned := &assignment{has: map[int32]bool{}}
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.WithLogger(kgo.BasicLogger(os.Stderr, kgo.LogLevelWarn, nil)),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, t map[string][]int32) { assigned.change(true, t) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, c *kgo.Client, t map[string][]int32) {
			// The client's own call when partitions are revoked, which this one replaces.
			if err := c.CommitUncommittedOffsets(context.Background()); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
			assigned.change(false, t)
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, t map[string][]int32) { assigned.change(false, t) }))
	fail(err)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for input := lines(); input.Scan(); {
			fail(client.CommitUncommittedOffsets(ctx))
			found, err := kadm.NewClient(client).FetchOffsets(ctx, group)
			fail(err)
			committed := [][]int64{}
			found.Each(func(one kadm.OffsetResponse) {
				committed = append(committed, []int64{int64(one.Partition), one.At})
			})
			say("committed", committed)
		}
		cancel()
	}()
	for ctx.Err() == nil {
		fetched := client.PollFetches(ctx)
		got := [][]any{}
		fetched.EachRecord(func(r *kgo.Record) { got = append(got, []any{r.Partition, r.Offset, string(r.Value)}) })
		if len(got) > 0 {
			say("got", got)
		}
		fetched.EachError(func(_ string, _ int32, err error) { fmt.Fprintln(os.Stderr, err) })
	}
	client.Close()
}
