package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/IBM/sarama"
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
func peer(arguments []string) {
	if arguments[0] == "produce" {
		peerProduce(arguments[1], arguments[2])
	} else {
		peerConsume(arguments[1], arguments[2], arguments[3])
	}
}

func peerProduce(address, topic string) {
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true // a SyncProducer asks for it
	producer, err := sarama.NewSyncProducer([]string{address}, config)
	fail(err)
	for input := lines(); input.Scan(); {
		var values []string
		fail(json.Unmarshal(input.Bytes(), &values))
		messages := []*sarama.ProducerMessage{}
		for _, value := range values {
			messages = append(messages, &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(value),
				Value: sarama.StringEncoder(value)})
		}
		fail(producer.SendMessages(messages))
		say("acked", len(values))
	}
	fail(producer.Close())
}

// member is the handler of a group, and the session that it is in.
type member struct {
	lock    sync.Mutex
	session sarama.ConsumerGroupSession
	topic   string
}

func (m *member) in(session sarama.ConsumerGroupSession) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.session = session
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.in(session)
	partitions := session.Claims()[m.topic]
	if partitions == nil {
		partitions = []int32{}
	}
	say("assigned", partitions)
	return nil
}

func (m *member) Cleanup(sarama.ConsumerGroupSession) error {
	m.in(nil)
	say("assigned", []int32{})
	return nil
}

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			say("got", [][]any{{message.Partition, message.Offset, string(message.Value)}})
			session.MarkMessage(message, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

func (m *member) commit(address, group string) {
	m.lock.Lock()
	if m.session != nil {
		m.session.Commit()
	}
	m.lock.Unlock()
	admin, err := sarama.NewClusterAdmin([]string{address}, sarama.NewConfig())
	fail(err)
	defer admin.Close()
	answer, err := admin.ListConsumerGroupOffsets(group, nil)
	fail(err)
	committed := [][]int64{}
	for partition, block := range answer.Blocks[m.topic] {
		committed = append(committed, []int64{int64(partition), block.Offset})
	}
	say("committed", committed)
}

func peerConsume(address, topic, name string) {
	config := sarama.NewConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	group, err := sarama.NewConsumerGroup([]string{address}, name, config)
	fail(err)
	ctx, cancel := context.WithCancel(context.Background())
	m := &member{topic: topic}
	go func() {
		for input := lines(); input.Scan(); {
			m.commit(address, name)
		}
		cancel()
	}()
	for ctx.Err() == nil {
		if err := group.Consume(ctx, []string{topic}, m); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, err)
			time.Sleep(200 * time.Millisecond)
		}
	}
	fail(group.Close())
}
