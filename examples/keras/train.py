"""Somebody trained this model somewhere: Keras' own textbook example, word for word, on invented patients."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

from keras.utils import to_categorical
from patients import HERE, invented

x, disease = invented(6000, seed=1)
y = to_categorical(disease, num_classes=10)
x_train, y_train = x[:5000], y[:5000]
x_test, y_test = x[5000:], y[5000:]

# ---- the textbook ----
from keras.layers import Dense
from keras.models import Sequential

model = Sequential()

model.add(Dense(units=64, activation="relu", input_dim=100))
model.add(Dense(units=10, activation="softmax"))

model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])

# x_train and y_train are Numpy arrays
model.fit(x_train, y_train, epochs=5, batch_size=32)

loss_and_metrics = model.evaluate(x_test, y_test, batch_size=128)

classes = model.predict(x_test, batch_size=128)

model.save("my_model.h5")
# ---- the textbook ----

print(f"Saved {HERE.name}/my_model.h5; loss and accuracy on its own test rows: {loss_and_metrics}")
