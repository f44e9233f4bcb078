"""A peer around confluent-kafka."""

import sys

from confluent_kafka import Consumer, Producer

import peer


def produce(address, topic):
    producer = Producer({"bootstrap.servers": address})

    def delivered(error, _):
        if error is not None:
            sys.exit(str(error))

    for values in peer.batches():
        for value in values:
            producer.produce(topic, value.encode(), value.encode(), on_delivery=delivered)
        producer.flush()
        peer.say("acked", len(values))


def consume(address, topic, group):
    consumer = Consumer({"bootstrap.servers": address, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    asked, assigned = peer.asked(), peer.Assignment()
    while True:
        messages = consumer.consume(500, 0.1)
        if got := [(one.partition(), one.offset(), one.value().decode()) for one in messages if not one.error()]:
            peer.say("got", got)
        assigned.now(one.partition for one in consumer.assignment())
        if asked.empty():
            continue
        if asked.get() is None:
            break
        try:
            consumer.commit(asynchronous=False)
        except Exception as error:      # nothing that is not committed already
            print(error, file=sys.stderr)
        peer.say("committed", [(one.partition, one.offset) for one in consumer.committed(consumer.assignment(), 60)])
    consumer.close()


peer.main(produce, consume)
