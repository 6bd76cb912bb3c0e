"""A small web service as people write them: FastAPI, and PostgreSQL through asyncpg. It knows nothing of tracing but
one span of its own; the rest is instrumented from outside."""

import os
from contextlib import asynccontextmanager
from decimal import Decimal

import asyncpg
from fastapi import FastAPI, HTTPException, Request
from opentelemetry import trace
from pydantic import BaseModel

tracer = trace.get_tracer("shop.orders", "0.9")


class Product(BaseModel):
    name: str
    price: Decimal
    stock: int


class Order(BaseModel):
    product: int
    count: int


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=2, max_size=4) as pool:
        await pool.execute(
            """
            DROP TABLE IF EXISTS products;
            CREATE TABLE products (
                id serial PRIMARY KEY,
                name text NOT NULL UNIQUE,
                price numeric NOT NULL,
                stock int NOT NULL CHECK (stock >= 0)
            )
            """
        )
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


def found(row):
    if row is None:
        raise HTTPException(404, "no such product")
    return dict(row)


@app.post("/products", status_code=201)
async def create(product: Product, request: Request):
    query = "INSERT INTO products (name, price, stock) VALUES ($1, $2, $3) RETURNING *"
    return dict(await request.app.state.pool.fetchrow(query, product.name, product.price, product.stock))


@app.get("/products")
async def list_products(request: Request):
    return [dict(row) for row in await request.app.state.pool.fetch("SELECT * FROM products ORDER BY id")]


@app.get("/products/{product_id}")
async def read(product_id: int, request: Request):
    return found(await request.app.state.pool.fetchrow("SELECT * FROM products WHERE id = $1", product_id))


@app.put("/products/{product_id}")
async def update(product_id: int, product: Product, request: Request):
    query = "UPDATE products SET name = $2, price = $3, stock = $4 WHERE id = $1 RETURNING *"
    return found(await request.app.state.pool.fetchrow(query, product_id, product.name, product.price, product.stock))


@app.delete("/products/{product_id}", status_code=204)
async def delete(product_id: int, request: Request):
    found(await request.app.state.pool.fetchrow("DELETE FROM products WHERE id = $1 RETURNING id", product_id))


@app.post("/orders", status_code=201)
async def order(order: Order, request: Request):
    with tracer.start_as_current_span("reserve", attributes={"order.count": order.count, "order.rush": False}) as span:
        async with request.app.state.pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow("SELECT * FROM products WHERE id = $1 FOR UPDATE", order.product)
            product = found(row)
            span.add_event("locked", {"stock": product["stock"]})
            query = "UPDATE products SET stock = stock - $2 WHERE id = $1"
            await connection.execute(query, order.product, order.count)
        span.set_attribute("order.total", float(product["price"] * order.count))
    return {"total": product["price"] * order.count}


@app.get("/slow")
async def slow(request: Request):
    await request.app.state.pool.execute("SELECT pg_sleep(0.3)")
