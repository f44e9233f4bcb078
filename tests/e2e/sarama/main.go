// A command line around sarama: with words it is a peer (peers/README.md); without, it reads one JSON request for clients.py
// from standard input and writes one JSON answer.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/IBM/sarama"
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

var codecs = map[string]sarama.CompressionCodec{"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func produce(q request) any {
	config := sarama.NewConfig()
	config.Producer.Compression = codecs[q.Codec]
	config.Producer.MaxMessageBytes = limit
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer([]string{q.Address}, config)
	fail(err)
	offsets := []int64{}
	for _, r := range q.Records {
		message := &sarama.ProducerMessage{Topic: q.Topic, Partition: q.Partition, Key: sarama.ByteEncoder(r.Key),
			Value: sarama.ByteEncoder(r.Value), Timestamp: time.UnixMilli(r.Timestamp)}
		for _, h := range r.Headers {
			message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
		}
		_, offset, err := producer.SendMessage(message)
		fail(err)
		offsets = append(offsets, offset)
	}
	fail(producer.Close())
	return offsets
}

func consume(q request) any {
	consumer, err := sarama.NewConsumer([]string{q.Address}, sarama.NewConfig())
	fail(err)
	partition, err := consumer.ConsumePartition(q.Topic, q.Partition, q.Offset)
	fail(err)
	found := []record{}
	deadline := time.After(45 * time.Second)
	for len(found) < q.Count {
		select {
		case m := <-partition.Messages():
			in := record{Key: m.Key, Value: m.Value, Timestamp: m.Timestamp.UnixMilli(), Offset: m.Offset}
			for _, h := range m.Headers {
				in.Headers = append(in.Headers, header{string(h.Key), h.Value})
			}
			found = append(found, in)
		case <-deadline:
			return found
		}
	}
	fail(partition.Close())
	fail(consumer.Close())
	return found
}

func ask(q request) any {
	client, err := sarama.NewClient([]string{q.Address}, sarama.NewConfig())
	fail(err)
	defer client.Close()
	switch q.Do {
	case "topics":
		names, err := client.Topics()
		fail(err)
		counts := map[string]int{}
		for _, name := range names {
			partitions, err := client.Partitions(name)
			fail(err)
			counts[name] = len(partitions)
		}
		return counts
	case "at", "end":
		when := q.Timestamp
		if q.Do == "end" {
			when = sarama.OffsetNewest
		}
		offset, err := client.GetOffset(q.Topic, q.Partition, when)
		fail(err)
		return offset
	}
	return administer(q, client)
}

func administer(q request, client sarama.Client) any {
	admin, err := sarama.NewClusterAdminFromClient(client)
	fail(err)
	switch q.Do {
	case "create":
		configs := map[string]*string{}
		for name, value := range q.Configs {
			configs[name] = &value
		}
		fail(admin.CreateTopic(q.Topic, &sarama.TopicDetail{NumPartitions: q.Partitions, ReplicationFactor: 1,
			ConfigEntries: configs}, false))
	case "delete":
		fail(admin.DeleteTopic(q.Topic))
	case "grow":
		fail(admin.CreatePartitions(q.Topic, q.Partitions, nil, false))
	case "alter":
		changes := map[string]sarama.IncrementalAlterConfigsEntry{}
		for name, value := range q.Configs {
			changes[name] = sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value}
		}
		fail(admin.IncrementalAlterConfig(sarama.TopicResource, q.Topic, changes, false))
	case "configs":
		found, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: q.Topic})
		fail(err)
		values := map[string]string{}
		for _, entry := range found {
			values[entry.Name] = entry.Value
		}
		return values
	default:
		fail(fmt.Errorf("cannot %q", q.Do))
	}
	return nil
}

func main() {
	if len(os.Args) > 1 {
		peer(os.Args[1:])
		return
	}
	var q request
	fail(json.NewDecoder(os.Stdin).Decode(&q))
	var answer any
	switch q.Do {
	case "produce":
		answer = produce(q)
	case "consume":
		answer = consume(q)
	default:
		answer = ask(q)
	}
	fail(json.NewEncoder(os.Stdout).Encode(answer))
}
