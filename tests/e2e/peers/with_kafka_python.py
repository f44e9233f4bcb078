"""A peer around kafka-python."""

from kafka import KafkaConsumer, KafkaProducer

import peer


def produce(address, topic):
    producer = KafkaProducer(bootstrap_servers=address)
    for values in peer.batches():
        for sent in [producer.send(topic, value.encode(), value.encode()) for value in values]:
            sent.get(120)
        peer.say("acked", len(values))
    producer.close()


def consume(address, topic, group):
    consumer = KafkaConsumer(topic, bootstrap_servers=address, group_id=group, auto_offset_reset="earliest")
    asked, assigned = peer.asked(), peer.Assignment()
    while True:
        for partition, records in consumer.poll(100).items():
            peer.say("got", [(partition.partition, one.offset, one.value.decode()) for one in records])
        assigned.now(one.partition for one in consumer.assignment())
        if asked.empty():
            continue
        if asked.get() is None:
            break
        consumer.commit()
        peer.say("committed", [(one.partition, consumer.committed(one)) for one in consumer.assignment()])
    consumer.close()


peer.main(produce, consume)
