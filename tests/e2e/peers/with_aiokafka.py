"""A peer around aiokafka."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

import peer


async def _produce(address, topic):
    asked = peer.asked()
    async with AIOKafkaProducer(bootstrap_servers=address) as producer:
        while (line := await asyncio.to_thread(asked.get)) is not None:
            values = peer.json.loads(line)
            for sent in [await producer.send(topic, value.encode(), value.encode()) for value in values]:
                await sent
            peer.say("acked", len(values))


async def _consume(address, topic, group):
    asked, assigned = peer.asked(), peer.Assignment()
    async with AIOKafkaConsumer(topic, bootstrap_servers=address, group_id=group, auto_offset_reset="earliest") as consumer:
        while True:
            for partition, records in (await consumer.getmany(timeout_ms=100)).items():
                peer.say("got", [(partition.partition, one.offset, one.value.decode()) for one in records])
            assigned.now(one.partition for one in consumer.assignment())
            if asked.empty():
                continue
            if asked.get() is None:
                break
            await consumer.commit()
            peer.say("committed", [(one.partition, await consumer.committed(one)) for one in consumer.assignment()])


peer.main(lambda *words: asyncio.run(_produce(*words)), lambda *words: asyncio.run(_consume(*words)))
