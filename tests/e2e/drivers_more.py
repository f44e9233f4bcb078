"""kafka-python, aiokafka and sarama behind the verbs of drivers.py. The Python ones administer nothing here."""

import asyncio

import cache
from drivers import LIMIT, Failed, Franz, Record

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


class InVenv:
    """A client that this program's own Python has."""

    codecs = CODECS

    def __init__(self, address):
        self.address = address

    @staticmethod
    def here():
        return True


class KafkaPython(InVenv):
    name = "kafka-python"

    def produce(self, topic, partition, codec, records):
        from kafka import KafkaProducer
        producer = KafkaProducer(bootstrap_servers=self.address, compression_type=None if codec == "none" else codec,
                                 max_request_size=LIMIT)
        for key, value, headers, timestamp in records:      # each in a batch of its own
            producer.send(topic, value, key, headers, partition, timestamp).get(60)
        producer.close()

    def _consumer(self):
        from kafka import KafkaConsumer
        return KafkaConsumer(bootstrap_servers=self.address)

    def consume(self, topic, partition, offset, count):
        from kafka import TopicPartition
        consumer, found, where = self._consumer(), [], TopicPartition(topic, partition)
        consumer.assign([where])
        consumer.seek(where, offset)
        for _ in range(600):
            for records in consumer.poll(100).values():
                found += [Record(one.offset, one.key, one.value, list(one.headers), one.timestamp) for one in records]
            if len(found) >= count:
                break
        consumer.close()
        return found

    def at(self, topic, partition, timestamp):
        from kafka import TopicPartition
        consumer, where = self._consumer(), TopicPartition(topic, partition)
        found = consumer.offsets_for_times({where: timestamp})[where]
        consumer.close()
        return -1 if found is None else found.offset

    def end(self, topic, partition):
        from kafka import TopicPartition
        consumer, where = self._consumer(), TopicPartition(topic, partition)
        found = consumer.end_offsets([where])[where]
        consumer.close()
        return found


class Aiokafka(InVenv):
    name = "aiokafka"

    def produce(self, topic, partition, codec, records):
        async def send():
            from aiokafka import AIOKafkaProducer
            async with AIOKafkaProducer(bootstrap_servers=self.address, compression_type=None if codec == "none" else codec,
                                        max_request_size=LIMIT, acks="all") as producer:
                for key, value, headers, timestamp in records:      # each in a batch of its own
                    await producer.send_and_wait(topic, value, key, partition, timestamp, headers)

        asyncio.run(send())

    def _ask(self, question):
        async def ask():
            from aiokafka import AIOKafkaConsumer
            async with AIOKafkaConsumer(bootstrap_servers=self.address) as consumer:
                return await asyncio.wait_for(question(consumer), 60)

        try:
            return asyncio.run(ask())
        except TimeoutError:
            raise Failed("no answer within 60 s") from None

    def consume(self, topic, partition, offset, count):
        from aiokafka import TopicPartition
        where = TopicPartition(topic, partition)

        async def read(consumer):
            consumer.assign([where])
            consumer.seek(where, offset)
            found = []
            while len(found) < count:
                one = await consumer.getone()
                found.append(Record(one.offset, one.key, one.value, list(one.headers), one.timestamp))
            return found

        return self._ask(read)

    def at(self, topic, partition, timestamp):
        from aiokafka import TopicPartition
        where = TopicPartition(topic, partition)
        found = self._ask(lambda consumer: consumer.offsets_for_times({where: timestamp}))[where]
        return -1 if found is None else found.offset

    def end(self, topic, partition):
        from aiokafka import TopicPartition
        where = TopicPartition(topic, partition)
        return self._ask(lambda consumer: consumer.end_offsets([where]))[where]


class Sarama(Franz):
    """The same questions and answers as franz-go's."""

    name = "sarama"

    def __init__(self, address):
        self.address, self.command = address, [cache.sarama()]

    @staticmethod
    def here():
        return cache.sarama()


ALL = (KafkaPython, Aiokafka, Sarama)
