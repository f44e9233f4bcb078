// A command line around franz-go: with words it is a peer (peers/README.md); without, it reads one JSON request for clients.py
// from standard input and writes one JSON answer.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

type header struct {
	Key   string `json:"key"`
	Value []byte `json:"value"`
}

// Byte strings are base64 in JSON.
type record struct {
	Key       []byte   `json:"key"`
	Value     []byte   `json:"value"`
	Headers   []header `json:"headers"`
	Timestamp int64    `json:"timestamp"`
	Offset    int64    `json:"offset"`
}

type request struct {
	Do         string            `json:"do"`
	Address    string            `json:"address"`
	Topic      string            `json:"topic"`
	Partition  int32             `json:"partition"`
	Partitions int32             `json:"partitions"`
	Codec      string            `json:"codec"`
	Records    []record          `json:"records"`
	Offset     int64             `json:"offset"`
	Count      int               `json:"count"`
	Timestamp  int64             `json:"timestamp"`
	Configs    map[string]string `json:"configs"`
}

const limit = 2097152

func codec(name string) kgo.CompressionCodec {
	switch name {
	case "gzip":
		return kgo.GzipCompression()
	case "snappy":
		return kgo.SnappyCompression()
	case "lz4":
		return kgo.Lz4Compression()
	case "zstd":
		return kgo.ZstdCompression()
	}
	return kgo.NoCompression()
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func produce(ctx context.Context, q request) any {
	client, err := kgo.NewClient(kgo.SeedBrokers(q.Address),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codec(q.Codec)),
		kgo.ProducerBatchMaxBytes(limit), kgo.RecordRetries(0))
	fail(err)
	defer client.Close()
	offsets := []int64{}
	for _, r := range q.Records {
		out := &kgo.Record{Topic: q.Topic, Partition: q.Partition, Key: r.Key, Value: r.Value,
			Timestamp: time.UnixMilli(r.Timestamp)}
		for _, h := range r.Headers {
			out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		done := client.ProduceSync(ctx, out)
		fail(done.FirstErr())
		offsets = append(offsets, done[0].Record.Offset)
	}
	return offsets
}

func consume(ctx context.Context, q request) any {
	client, err := kgo.NewClient(kgo.SeedBrokers(q.Address), kgo.FetchMaxPartitionBytes(limit),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{q.Topic: {q.Partition: kgo.NewOffset().At(q.Offset)}}))
	fail(err)
	defer client.Close()
	found := []record{}
	for len(found) < q.Count {
		fetched := client.PollFetches(ctx)
		fail(fetched.Err())
		fetched.EachRecord(func(r *kgo.Record) {
			in := record{Key: r.Key, Value: r.Value, Timestamp: r.Timestamp.UnixMilli(), Offset: r.Offset}
			for _, h := range r.Headers {
				in.Headers = append(in.Headers, header{h.Key, h.Value})
			}
			found = append(found, in)
		})
	}
	return found
}

func admin(ctx context.Context, q request) any {
	client, err := kgo.NewClient(kgo.SeedBrokers(q.Address))
	fail(err)
	defer client.Close()
	adm := kadm.NewClient(client)
	switch q.Do {
	case "create":
		configs := map[string]*string{}
		for key, value := range q.Configs {
			configs[key] = kadm.StringPtr(value)
		}
		_, err := adm.CreateTopic(ctx, q.Partitions, 1, configs, q.Topic)
		fail(err)
	case "delete":
		done, err := adm.DeleteTopics(ctx, q.Topic)
		fail(err)
		fail(done.Error())
	case "grow":
		done, err := adm.UpdatePartitions(ctx, int(q.Partitions), q.Topic)
		fail(err)
		fail(done.Error())
	case "alter":
		var changes []kadm.AlterConfig
		for key, value := range q.Configs {
			changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: key, Value: kadm.StringPtr(value)})
		}
		done, err := adm.AlterTopicConfigs(ctx, changes, q.Topic)
		fail(err)
		for _, one := range done {
			fail(one.Err)
		}
	case "configs":
		found, err := adm.DescribeTopicConfigs(ctx, q.Topic)
		fail(err)
		values := map[string]string{}
		for _, entry := range found[0].Configs {
			values[entry.Key] = entry.MaybeValue()
		}
		return values
	case "topics":
		found, err := adm.ListTopics(ctx)
		fail(err)
		counts := map[string]int{}
		for name, topic := range found {
			counts[name] = len(topic.Partitions)
		}
		return counts
	case "at":
		found, err := adm.ListOffsetsAfterMilli(ctx, q.Timestamp, q.Topic)
		fail(err)
		offset, _ := found.Lookup(q.Topic, q.Partition)
		fail(offset.Err)
		return offset.Offset
	case "end":
		found, err := adm.ListEndOffsets(ctx, q.Topic)
		fail(err)
		offset, _ := found.Lookup(q.Topic, q.Partition)
		fail(offset.Err)
		return offset.Offset
	default:
		fail(fmt.Errorf("cannot %q", q.Do))
	}
	return nil
}

func main() {
	if len(os.Args) > 1 {
		peer(context.Background(), os.Args[1:])
		return
	}
	var q request
	fail(json.NewDecoder(os.Stdin).Decode(&q))
	ctx, cancel := context.WithTimeout(context.Background(), 45*time.Second)
	defer cancel()
	var answer any
	switch q.Do {
	case "produce":
		answer = produce(ctx, q)
	case "consume":
		answer = consume(ctx, q)
	default:
		answer = admin(ctx, q)
	}
	fail(json.NewEncoder(os.Stdout).Encode(answer))
}
